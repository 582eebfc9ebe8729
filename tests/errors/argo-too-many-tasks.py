from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.choice = 1
        self.next(
            {
                1: self.arm_1,
                2: self.arm_2,
                3: self.arm_3,
                4: self.arm_4,
                5: self.arm_5,
                6: self.arm_6,
                7: self.arm_7,
                8: self.arm_8,
                9: self.arm_9,
                10: self.arm_10,
                11: self.arm_11,
                12: self.arm_12,
                13: self.arm_13,
                14: self.arm_14,
                15: self.arm_15,
                16: self.arm_16,
                17: self.arm_17,
                18: self.arm_18,
                19: self.arm_19,
                20: self.arm_20,
                21: self.arm_21,
                22: self.arm_22,
                23: self.arm_23,
                24: self.arm_24,
                25: self.arm_25,
                26: self.arm_26,
                27: self.arm_27,
                28: self.arm_28,
                29: self.arm_29,
                30: self.arm_30,
                31: self.arm_31,
                32: self.arm_32,
                33: self.arm_33,
                34: self.arm_34,
                35: self.arm_35,
                36: self.arm_36,
                37: self.arm_37,
                38: self.arm_38,
                39: self.arm_39,
                40: self.arm_40,
                41: self.arm_41,
                42: self.arm_42,
                43: self.arm_43,
                44: self.arm_44,
                45: self.arm_45,
                46: self.arm_46,
                47: self.arm_47,
                48: self.arm_48,
                49: self.arm_49,
                50: self.arm_50,
                51: self.arm_51,
                52: self.arm_52,
                53: self.arm_53,
                54: self.arm_54,
                55: self.arm_55,
                56: self.arm_56,
                57: self.arm_57,
                58: self.arm_58,
                59: self.arm_59,
                60: self.arm_60,
                61: self.arm_61,
                62: self.arm_62,
                63: self.arm_63,
                64: self.arm_64,
                65: self.arm_65,
                66: self.arm_66,
                67: self.arm_67,
                68: self.arm_68,
                69: self.arm_69,
                70: self.arm_70,
                71: self.arm_71,
                72: self.arm_72,
                73: self.arm_73,
                74: self.arm_74,
                75: self.arm_75,
                76: self.arm_76,
                77: self.arm_77,
                78: self.arm_78,
                79: self.arm_79,
                80: self.arm_80,
                81: self.arm_81,
                82: self.arm_82,
                83: self.arm_83,
                84: self.arm_84,
                85: self.arm_85,
                86: self.arm_86,
                87: self.arm_87,
                88: self.arm_88,
                89: self.arm_89,
                90: self.arm_90,
                91: self.arm_91,
                92: self.arm_92,
                93: self.arm_93,
                94: self.arm_94,
                95: self.arm_95,
                96: self.arm_96,
                97: self.arm_97,
                98: self.arm_98,
                99: self.arm_99,
                100: self.arm_100,
                101: self.arm_101,
                102: self.arm_102,
                103: self.arm_103,
                104: self.arm_104,
                105: self.arm_105,
                106: self.arm_106,
                107: self.arm_107,
                108: self.arm_108,
                109: self.arm_109,
                110: self.arm_110,
                111: self.arm_111,
                112: self.arm_112,
                113: self.arm_113,
                114: self.arm_114,
                115: self.arm_115,
                116: self.arm_116,
                117: self.arm_117,
                118: self.arm_118,
                119: self.arm_119,
                120: self.arm_120,
                121: self.arm_121,
                122: self.arm_122,
                123: self.arm_123,
                124: self.arm_124,
                125: self.arm_125,
                126: self.arm_126,
                127: self.arm_127,
                128: self.arm_128,
                129: self.arm_129,
                130: self.arm_130,
                131: self.arm_131,
                132: self.arm_132,
                133: self.arm_133,
                134: self.arm_134,
                135: self.arm_135,
                136: self.arm_136,
                137: self.arm_137,
                138: self.arm_138,
                139: self.arm_139,
                140: self.arm_140,
                141: self.arm_141,
                142: self.arm_142,
                143: self.arm_143,
                144: self.arm_144,
                145: self.arm_145,
                146: self.arm_146,
                147: self.arm_147,
                148: self.arm_148,
                149: self.arm_149,
                150: self.arm_150,
                151: self.arm_151,
                152: self.arm_152,
                153: self.arm_153,
                154: self.arm_154,
                155: self.arm_155,
                156: self.arm_156,
                157: self.arm_157,
                158: self.arm_158,
                159: self.arm_159,
                160: self.arm_160,
                161: self.arm_161,
                162: self.arm_162,
                163: self.arm_163,
                164: self.arm_164,
                165: self.arm_165,
                166: self.arm_166,
                167: self.arm_167,
                168: self.arm_168,
                169: self.arm_169,
                170: self.arm_170,
                171: self.arm_171,
                172: self.arm_172,
                173: self.arm_173,
                174: self.arm_174,
                175: self.arm_175,
                176: self.arm_176,
                177: self.arm_177,
                178: self.arm_178,
                179: self.arm_179,
                180: self.arm_180,
                181: self.arm_181,
                182: self.arm_182,
                183: self.arm_183,
                184: self.arm_184,
                185: self.arm_185,
                186: self.arm_186,
                187: self.arm_187,
                188: self.arm_188,
                189: self.arm_189,
                190: self.arm_190,
                191: self.arm_191,
                192: self.arm_192,
                193: self.arm_193,
                194: self.arm_194,
                195: self.arm_195,
                196: self.arm_196,
                197: self.arm_197,
                198: self.arm_198,
                199: self.arm_199,
                200: self.arm_200,
                201: self.arm_201,
            },
            condition="choice",
        )

    @step
    def arm_1(self):
        self.next(self.end)

    @step
    def arm_2(self):
        self.next(self.end)

    @step
    def arm_3(self):
        self.next(self.end)

    @step
    def arm_4(self):
        self.next(self.end)

    @step
    def arm_5(self):
        self.next(self.end)

    @step
    def arm_6(self):
        self.next(self.end)

    @step
    def arm_7(self):
        self.next(self.end)

    @step
    def arm_8(self):
        self.next(self.end)

    @step
    def arm_9(self):
        self.next(self.end)

    @step
    def arm_10(self):
        self.next(self.end)

    @step
    def arm_11(self):
        self.next(self.end)

    @step
    def arm_12(self):
        self.next(self.end)

    @step
    def arm_13(self):
        self.next(self.end)

    @step
    def arm_14(self):
        self.next(self.end)

    @step
    def arm_15(self):
        self.next(self.end)

    @step
    def arm_16(self):
        self.next(self.end)

    @step
    def arm_17(self):
        self.next(self.end)

    @step
    def arm_18(self):
        self.next(self.end)

    @step
    def arm_19(self):
        self.next(self.end)

    @step
    def arm_20(self):
        self.next(self.end)

    @step
    def arm_21(self):
        self.next(self.end)

    @step
    def arm_22(self):
        self.next(self.end)

    @step
    def arm_23(self):
        self.next(self.end)

    @step
    def arm_24(self):
        self.next(self.end)

    @step
    def arm_25(self):
        self.next(self.end)

    @step
    def arm_26(self):
        self.next(self.end)

    @step
    def arm_27(self):
        self.next(self.end)

    @step
    def arm_28(self):
        self.next(self.end)

    @step
    def arm_29(self):
        self.next(self.end)

    @step
    def arm_30(self):
        self.next(self.end)

    @step
    def arm_31(self):
        self.next(self.end)

    @step
    def arm_32(self):
        self.next(self.end)

    @step
    def arm_33(self):
        self.next(self.end)

    @step
    def arm_34(self):
        self.next(self.end)

    @step
    def arm_35(self):
        self.next(self.end)

    @step
    def arm_36(self):
        self.next(self.end)

    @step
    def arm_37(self):
        self.next(self.end)

    @step
    def arm_38(self):
        self.next(self.end)

    @step
    def arm_39(self):
        self.next(self.end)

    @step
    def arm_40(self):
        self.next(self.end)

    @step
    def arm_41(self):
        self.next(self.end)

    @step
    def arm_42(self):
        self.next(self.end)

    @step
    def arm_43(self):
        self.next(self.end)

    @step
    def arm_44(self):
        self.next(self.end)

    @step
    def arm_45(self):
        self.next(self.end)

    @step
    def arm_46(self):
        self.next(self.end)

    @step
    def arm_47(self):
        self.next(self.end)

    @step
    def arm_48(self):
        self.next(self.end)

    @step
    def arm_49(self):
        self.next(self.end)

    @step
    def arm_50(self):
        self.next(self.end)

    @step
    def arm_51(self):
        self.next(self.end)

    @step
    def arm_52(self):
        self.next(self.end)

    @step
    def arm_53(self):
        self.next(self.end)

    @step
    def arm_54(self):
        self.next(self.end)

    @step
    def arm_55(self):
        self.next(self.end)

    @step
    def arm_56(self):
        self.next(self.end)

    @step
    def arm_57(self):
        self.next(self.end)

    @step
    def arm_58(self):
        self.next(self.end)

    @step
    def arm_59(self):
        self.next(self.end)

    @step
    def arm_60(self):
        self.next(self.end)

    @step
    def arm_61(self):
        self.next(self.end)

    @step
    def arm_62(self):
        self.next(self.end)

    @step
    def arm_63(self):
        self.next(self.end)

    @step
    def arm_64(self):
        self.next(self.end)

    @step
    def arm_65(self):
        self.next(self.end)

    @step
    def arm_66(self):
        self.next(self.end)

    @step
    def arm_67(self):
        self.next(self.end)

    @step
    def arm_68(self):
        self.next(self.end)

    @step
    def arm_69(self):
        self.next(self.end)

    @step
    def arm_70(self):
        self.next(self.end)

    @step
    def arm_71(self):
        self.next(self.end)

    @step
    def arm_72(self):
        self.next(self.end)

    @step
    def arm_73(self):
        self.next(self.end)

    @step
    def arm_74(self):
        self.next(self.end)

    @step
    def arm_75(self):
        self.next(self.end)

    @step
    def arm_76(self):
        self.next(self.end)

    @step
    def arm_77(self):
        self.next(self.end)

    @step
    def arm_78(self):
        self.next(self.end)

    @step
    def arm_79(self):
        self.next(self.end)

    @step
    def arm_80(self):
        self.next(self.end)

    @step
    def arm_81(self):
        self.next(self.end)

    @step
    def arm_82(self):
        self.next(self.end)

    @step
    def arm_83(self):
        self.next(self.end)

    @step
    def arm_84(self):
        self.next(self.end)

    @step
    def arm_85(self):
        self.next(self.end)

    @step
    def arm_86(self):
        self.next(self.end)

    @step
    def arm_87(self):
        self.next(self.end)

    @step
    def arm_88(self):
        self.next(self.end)

    @step
    def arm_89(self):
        self.next(self.end)

    @step
    def arm_90(self):
        self.next(self.end)

    @step
    def arm_91(self):
        self.next(self.end)

    @step
    def arm_92(self):
        self.next(self.end)

    @step
    def arm_93(self):
        self.next(self.end)

    @step
    def arm_94(self):
        self.next(self.end)

    @step
    def arm_95(self):
        self.next(self.end)

    @step
    def arm_96(self):
        self.next(self.end)

    @step
    def arm_97(self):
        self.next(self.end)

    @step
    def arm_98(self):
        self.next(self.end)

    @step
    def arm_99(self):
        self.next(self.end)

    @step
    def arm_100(self):
        self.next(self.end)

    @step
    def arm_101(self):
        self.next(self.end)

    @step
    def arm_102(self):
        self.next(self.end)

    @step
    def arm_103(self):
        self.next(self.end)

    @step
    def arm_104(self):
        self.next(self.end)

    @step
    def arm_105(self):
        self.next(self.end)

    @step
    def arm_106(self):
        self.next(self.end)

    @step
    def arm_107(self):
        self.next(self.end)

    @step
    def arm_108(self):
        self.next(self.end)

    @step
    def arm_109(self):
        self.next(self.end)

    @step
    def arm_110(self):
        self.next(self.end)

    @step
    def arm_111(self):
        self.next(self.end)

    @step
    def arm_112(self):
        self.next(self.end)

    @step
    def arm_113(self):
        self.next(self.end)

    @step
    def arm_114(self):
        self.next(self.end)

    @step
    def arm_115(self):
        self.next(self.end)

    @step
    def arm_116(self):
        self.next(self.end)

    @step
    def arm_117(self):
        self.next(self.end)

    @step
    def arm_118(self):
        self.next(self.end)

    @step
    def arm_119(self):
        self.next(self.end)

    @step
    def arm_120(self):
        self.next(self.end)

    @step
    def arm_121(self):
        self.next(self.end)

    @step
    def arm_122(self):
        self.next(self.end)

    @step
    def arm_123(self):
        self.next(self.end)

    @step
    def arm_124(self):
        self.next(self.end)

    @step
    def arm_125(self):
        self.next(self.end)

    @step
    def arm_126(self):
        self.next(self.end)

    @step
    def arm_127(self):
        self.next(self.end)

    @step
    def arm_128(self):
        self.next(self.end)

    @step
    def arm_129(self):
        self.next(self.end)

    @step
    def arm_130(self):
        self.next(self.end)

    @step
    def arm_131(self):
        self.next(self.end)

    @step
    def arm_132(self):
        self.next(self.end)

    @step
    def arm_133(self):
        self.next(self.end)

    @step
    def arm_134(self):
        self.next(self.end)

    @step
    def arm_135(self):
        self.next(self.end)

    @step
    def arm_136(self):
        self.next(self.end)

    @step
    def arm_137(self):
        self.next(self.end)

    @step
    def arm_138(self):
        self.next(self.end)

    @step
    def arm_139(self):
        self.next(self.end)

    @step
    def arm_140(self):
        self.next(self.end)

    @step
    def arm_141(self):
        self.next(self.end)

    @step
    def arm_142(self):
        self.next(self.end)

    @step
    def arm_143(self):
        self.next(self.end)

    @step
    def arm_144(self):
        self.next(self.end)

    @step
    def arm_145(self):
        self.next(self.end)

    @step
    def arm_146(self):
        self.next(self.end)

    @step
    def arm_147(self):
        self.next(self.end)

    @step
    def arm_148(self):
        self.next(self.end)

    @step
    def arm_149(self):
        self.next(self.end)

    @step
    def arm_150(self):
        self.next(self.end)

    @step
    def arm_151(self):
        self.next(self.end)

    @step
    def arm_152(self):
        self.next(self.end)

    @step
    def arm_153(self):
        self.next(self.end)

    @step
    def arm_154(self):
        self.next(self.end)

    @step
    def arm_155(self):
        self.next(self.end)

    @step
    def arm_156(self):
        self.next(self.end)

    @step
    def arm_157(self):
        self.next(self.end)

    @step
    def arm_158(self):
        self.next(self.end)

    @step
    def arm_159(self):
        self.next(self.end)

    @step
    def arm_160(self):
        self.next(self.end)

    @step
    def arm_161(self):
        self.next(self.end)

    @step
    def arm_162(self):
        self.next(self.end)

    @step
    def arm_163(self):
        self.next(self.end)

    @step
    def arm_164(self):
        self.next(self.end)

    @step
    def arm_165(self):
        self.next(self.end)

    @step
    def arm_166(self):
        self.next(self.end)

    @step
    def arm_167(self):
        self.next(self.end)

    @step
    def arm_168(self):
        self.next(self.end)

    @step
    def arm_169(self):
        self.next(self.end)

    @step
    def arm_170(self):
        self.next(self.end)

    @step
    def arm_171(self):
        self.next(self.end)

    @step
    def arm_172(self):
        self.next(self.end)

    @step
    def arm_173(self):
        self.next(self.end)

    @step
    def arm_174(self):
        self.next(self.end)

    @step
    def arm_175(self):
        self.next(self.end)

    @step
    def arm_176(self):
        self.next(self.end)

    @step
    def arm_177(self):
        self.next(self.end)

    @step
    def arm_178(self):
        self.next(self.end)

    @step
    def arm_179(self):
        self.next(self.end)

    @step
    def arm_180(self):
        self.next(self.end)

    @step
    def arm_181(self):
        self.next(self.end)

    @step
    def arm_182(self):
        self.next(self.end)

    @step
    def arm_183(self):
        self.next(self.end)

    @step
    def arm_184(self):
        self.next(self.end)

    @step
    def arm_185(self):
        self.next(self.end)

    @step
    def arm_186(self):
        self.next(self.end)

    @step
    def arm_187(self):
        self.next(self.end)

    @step
    def arm_188(self):
        self.next(self.end)

    @step
    def arm_189(self):
        self.next(self.end)

    @step
    def arm_190(self):
        self.next(self.end)

    @step
    def arm_191(self):
        self.next(self.end)

    @step
    def arm_192(self):
        self.next(self.end)

    @step
    def arm_193(self):
        self.next(self.end)

    @step
    def arm_194(self):
        self.next(self.end)

    @step
    def arm_195(self):
        self.next(self.end)

    @step
    def arm_196(self):
        self.next(self.end)

    @step
    def arm_197(self):
        self.next(self.end)

    @step
    def arm_198(self):
        self.next(self.end)

    @step
    def arm_199(self):
        self.next(self.end)

    @step
    def arm_200(self):
        self.next(self.end)

    @step
    def arm_201(self):
        self.next(self.end)

    @step
    def end(self):
        pass
